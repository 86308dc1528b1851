# packages: python3 libnuma1 libc-bin libstdc++6
# wheels: py-libnuma==1.2 fastsafetensors==0.5.0 kt-kernel==0.6.1
# programs: python3 ldconfig
# files: usr/lib/python3.13 usr/lib/x86_64-linux-gnu/libnuma.so.1
# what: packages of PyPI: py-libnuma and fastsafetensors open libnuma by `dlopen`; kt-kernel is only loaded, and has a libnuma of its own,
# under another name
# differs: policies: numa_preferred() returns 0 if the policy names no node

# ctypes asks it for the name of the library.
ldconfig
export PYTHONPATH=/wheels PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
cat >extension.py <<'END'
import glob, importlib.util
def load(name, folder):
    path, = glob.glob(f"/wheels/{folder}/{name}.*.so")
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
END
cat >own_libnuma.py <<'END'
import extension
print(sorted(name for name in dir(extension.load("kt_kernel_ext", "kt_kernel")) if name[0] != "_"))
END
cat >machine.py <<'END'
from numa import info
print(info.numa_available(), info.get_max_node(), info.get_max_possible_node(), info.get_num_configured_nodes(), info.get_num_configured_cpus())
print(info.numa_hardware_info(), [info.cpu_to_node(cpu) for cpu in range(4)])
END
cat >policies.py <<'END'
import os
from numa import memory, schedule
def show(what):
    print(what, schedule.get_affinitive_nodes(), schedule.get_affinitive_cpus(os.getpid()), schedule.get_preferred_node(),
          memory.get_membind_nodes(), memory.get_interleave_nodes(), memory.get_allocation_allowed_nodes())
show("start")
for name, call in (("nodes", lambda: schedule.run_on_nodes(1, 3)), ("cpus", lambda: schedule.run_on_cpus(os.getpid(), 2)),
                   ("all nodes", schedule.run_on_all_nodes), ("preferred", lambda: schedule.set_preferred_node(2)),
                   ("interleaved", lambda: memory.set_interleave_nodes(0, 2)), ("local", memory.set_local_alloc),
                   ("bound", lambda: memory.set_membind_nodes(1, 2)), ("bound to one", lambda: schedule.bind(3))):
    call()
    show(name)
END
cat >holds.py <<'END'
import sys, time
from numa import memory, schedule
exec(sys.argv[1])
held = b"1" * (64 << 20)
time.sleep(1000)
END
cat >safetensors.py <<'END'
import sys, time, extension
library = extension.load("cpp", "fastsafetensors")
library.load_library_functions()
for node in map(int, sys.argv[1:]):
    print(node, library.set_numa_node(node))
held = b"1" * (64 << 20)
if sys.argv[2:] == []: time.sleep(1000)
END
cat >everything.py <<'END'
import machine, policies, own_libnuma, extension
library = extension.load("cpp", "fastsafetensors")
library.load_library_functions()
library.set_numa_node(0)
END
opens /usr/bin/python3 python3 everything.py
try machine python3 machine.py
try policies python3 policies.py
# placement shows the memory of the interpreter too, which is where it started.
held() {
    size=16384
    begin "$@"
    until_it has_memory
    allowed
    pages_of_mappings $pid | awk -v size=$size '$1 >= size { $1 = ""; print }'
    end
}
for call in 'memory.set_membind_nodes(2)' 'memory.set_interleave_nodes(1, 2)' 'schedule.set_preferred_node(3)' 'schedule.run_on_nodes(1)'; do
    try "held $call" held python3 holds.py "$call"
done
try safetensors python3 safetensors.py 2 0 7 3
try held-safetensors held python3 safetensors.py 2
try own-libnuma python3 own_libnuma.py
