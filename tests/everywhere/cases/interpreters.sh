# shellcheck shell=sh
# shellcheck disable=SC2016 # quoted code is for another shell or language
# Interpreters and virtual machines.
# packages: python3 perl nodejs ruby php-cli lua5.4 luajit sbcl default-jdk-headless

python_starts_processes() {
    cat >a.py <<'END'
import subprocess, os, signal, sys
print(subprocess.run(["sh", "-c", "echo out; echo err >&2; exit 3"], capture_output=True, text=True))
print(subprocess.run(["cat"], input="through", capture_output=True, text=True, close_fds=True, start_new_session=True).stdout)
p = subprocess.Popen(["sleep", "100"]); p.send_signal(signal.SIGTERM); print(p.wait())
pid = os.fork()
if pid == 0: os._exit(9)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
print(os.waitstatus_to_exitcode(os.system("exit 4")), len(os.listdir("/proc/self/fd")))
sys.exit(5)
END
    try python3 a.py
}

python_multiprocessing() {
    cat >a.py <<'END'
import multiprocessing, concurrent.futures, os
from multiprocessing import shared_memory
def square(x): return x * x
if __name__ == "__main__":
    for method in "fork", "spawn", "forkserver":
        with multiprocessing.get_context(method).Pool(3) as pool:
            print(method, sum(pool.map(square, range(1000))))
    with concurrent.futures.ThreadPoolExecutor(8) as pool: print(sum(pool.map(square, range(1000))))
    memory = shared_memory.SharedMemory(create=True, size=4096); memory.buf[0] = 7; print(memory.buf[0]); memory.close(); memory.unlink()
    lock = multiprocessing.Lock()
    with lock: print(multiprocessing.active_children())
END
    python3 a.py
}

python_ctypes_opens_libraries() {
    cat >a.py <<'END'
import ctypes, ctypes.util, os
libc = ctypes.CDLL(None, use_errno=True)
print(libc.open(b"/nonexistent", 0), os.strerror(ctypes.get_errno()))
print(ctypes.CDLL("libm.so.6").abs(-3))
numa = ctypes.CDLL("libnuma.so.1", use_errno=True)
print(numa.numa_available(), numa.numa_max_node(), ctypes.get_errno())
callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(lambda a, b: 0)
libc.qsort((ctypes.c_int * 3)(3, 1, 2), 3, 4, callback)
print("sorted")
END
    python3 a.py
}

python_test_of_threads_and_sockets() {
    cat >a.py <<'END'
import asyncio, socket, ssl, sqlite3, threading, sys, zlib, hashlib
async def serve(reader, writer):
    writer.write((await reader.read(100)).upper()); await writer.drain(); writer.close()
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"text"); print(await reader.read(100)); server.close()
asyncio.run(main())
threading.stack_size(64 * 1024)
results = []
threads = [threading.Thread(target=lambda i=i: results.append(i * i)) for i in range(50)]
[t.start() for t in threads]; [t.join() for t in threads]
print(sorted(results)[-1], ssl.OPENSSL_VERSION[:7], hashlib.sha256(b"x").hexdigest()[:8])
def deep(n): return n if n == 0 else deep(n - 1)
try: deep(10**6)
except RecursionError as e: print("RecursionError")
os = __import__("os"); os.abort()
END
    ip link set lo up
    try python3 a.py
}

perl_forks_and_uses_threads() {
    cat >a.pl <<'END'
use strict; use warnings; use threads; use threads::shared; use POSIX; use Socket;
my $sum : shared = 0;
$_->join for map { my $n = $_; threads->create(sub { lock $sum; $sum += $n; }) } 1 .. 20;
print "$sum\n";
my $pid = fork; if (!$pid) { POSIX::_exit(6) } waitpid $pid, 0; print $? >> 8, "\n";
open my $pipe, "-|", "echo child" or die; print <$pipe>; close $pipe;
local $SIG{ALRM} = sub { print "alarm\n" }; alarm 1; select undef, undef, undef, 3;
print `sh -c "exit 3"`, $? >> 8, "\n"; print "$!\n" unless open my $f, "<", "/nonexistent";
printf "%vd\n", $^V; exit 4;
END
    try perl a.pl
    try perl -e 'kill 11, $$'
}

node_with_workers_and_children() {
    cat >a.js <<'END'
const { Worker, isMainThread, parentPort } = require('worker_threads'), { spawnSync, fork } = require('child_process'), crypto = require('crypto');
if (process.argv[2] === 'child') { process.send('hello'); process.disconnect(); return; }
if (!isMainThread) { parentPort.postMessage(crypto.createHash('sha256').update('x').digest('hex').slice(0, 8)); return; }
(async () => {
    for (let i = 0; i < 4; i++) await new Promise(done => new Worker(__filename).on('message', m => { console.log(m); }).on('exit', done));
    const child = spawnSync('sh', ['-c', 'echo out; echo err >&2; exit 3']); console.log(String(child.stdout), String(child.stderr), child.status);
    await new Promise(done => fork(__filename, ['child']).on('message', console.log).on('exit', done));
    await new Promise(done => crypto.pbkdf2('a', 'b', 10000, 8, 'sha256', (e, key) => { console.log(key.toString('hex')); done(); }));
    const memory = new WebAssembly.Memory({ initial: 100, maximum: 60000, shared: true }); console.log(memory.buffer.byteLength);
    process.exitCode = 7;
})();
END
    try node a.js
    node -e 'let s = 0; for (let i = 0; i < 5e6; i++) s += i % 7; console.log(s)'
}

ruby_forks_and_uses_threads() {
    cat >a.rb <<'END'
puts (1..20).map { |i| Thread.new { i * i } }.sum(&:value)
pid = fork { exit! 3 }; Process.wait pid; puts $?.exitstatus
puts `echo child`, Ractor.new { 42 }.take, RUBY_ENGINE
require "socket"; a, b = UNIXSocket.pair; a.puts "x"; puts b.gets
at_exit { puts "at exit" }; abort "aborted"
END
    try ruby -W0 a.rb
}

php_runs() {
    try php -r 'echo array_sum(range(1, 1000)), "\n"; echo shell_exec("echo child"); var_dump(proc_close(proc_open("exit 3", [], $p))); exit(4);'
}

lua_and_luajit() {
    lua5.4 -e 'print(string.rep("ab", 3), os.execute("exit 3"))'
    # LuaJIT's memory is in the lowest 2 GiB.
    luajit -e 'local t = {} for i = 1, 1e6 do t[i] = {i} end print(#t, jit.status())'
    luajit -e 'local ffi = require("ffi") ffi.cdef("int abs(int);") print(ffi.C.abs(-5))'
}

# Maps its heap at a fixed address.
sbcl_runs() {
    sbcl --noinform --non-interactive --no-userinit --eval '(progn (print (reduce #'"'"'+ (loop for i below 1000 collect i))) (gc :full t)
        (sb-thread:join-thread (sb-thread:make-thread (lambda () (print 42)))) (terpri) (sb-ext:exit :code 3))' || echo "sbcl ended with $?"
}

javac_compiles_and_java_runs() {
    cat >Main.java <<'END'
import java.util.stream.*;
public class Main {
    static int depth(int n) { return depth(n + 1) + 1; }
    public static void main(String[] arguments) throws Exception {
        System.out.println(IntStream.range(0, 100000).parallel().mapToLong(i -> (long) i * i).sum());
        try { depth(0); } catch (StackOverflowError e) { System.out.println("StackOverflowError"); }
        try { Object o = null; o.hashCode(); } catch (NullPointerException e) { System.out.println("NullPointerException"); }
        Process process = new ProcessBuilder("sh", "-c", "echo child; exit 3").inheritIO().start();
        System.out.println(process.waitFor());
        Thread[] threads = new Thread[200];
        for (int i = 0; i < threads.length; i++) (threads[i] = new Thread(null, () -> {}, "t" + i, 1 << 16)).start();
        for (Thread thread : threads) thread.join();
        byte[][] garbage = new byte[100][];
        for (int i = 0; i < 2000; i++) garbage[i % 100] = new byte[1 << 16];
        Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("shutdown")));
        System.exit(4);
    }
}
END
    javac Main.java && try java -Xmx128m Main
    for collector in Serial Parallel G1 Z Shenandoah; do try java -Xmx128m "-XX:+Use${collector}GC" -cp . Main; done
}

# With this option, Java opens libnuma.so.1 with dlopen(3), and finds the library that is preloaded under that name.
java_with_numa_switched_on() {
    cat >Main.java <<'END'
public class Main { public static void main(String[] arguments) {
    byte[][] garbage = new byte[100][];
    for (int i = 0; i < 2000; i++) garbage[i % 100] = new byte[1 << 16];
    System.out.println("ended"); } }
END
    javac Main.java
    for collector in Parallel G1 Z; do
        java -Xmx128m -XX:+UseNUMA -XX:+UseNUMAInterleaving "-XX:+Use${collector}GC" -Xlog:os,gc+init,gc+heap+numa:stdout:none Main |
            grep -iE 'numa|ended' || :
        java -Xmx128m -XX:+UseNUMA "-XX:+Use${collector}GC" -XX:+PrintFlagsFinal Main | grep -w 'UseNUMA\|UseNUMAInterleaving\|ended'
    done
}
