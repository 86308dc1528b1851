# shellcheck shell=sh
# shellcheck disable=SC2317 # called through `within`
# Browsers with their sandboxes, as an unprivileged user.
# packages: chromium chromium-sandbox firefox-esr procps

page='<html><body><p id=p>before</p><script>
let sum = 0; for (let i = 0; i < 1000; i++) sum += i;
document.getElementById("p").textContent = "sum " + sum + " " + [3, 1, 2].sort().join(",");
</script></body></html>'

# The sandbox: user namespaces, seccomp filters, an empty root directory.
chromium_renders_in_its_sandbox() {
    chmod 755 .
    echo "$page" >page.html
    as_tester chromium --headless --disable-gpu --user-data-dir=/home/tester/c --dump-dom "file://$PWD/page.html" 2>errors || echo "chromium ended with $?"
    grep -cE 'seccomp|SIGSYS|crash|signal 31' errors || :
}

# With the setuid sandbox, as on systems without unprivileged user namespaces.
chromium_renders_in_its_setuid_sandbox() {
    chmod 755 .
    echo "$page" >page.html
    as_tester chromium --headless --disable-gpu --disable-namespace-sandbox --user-data-dir=/home/tester/c --dump-dom "file://$PWD/page.html" 2>errors ||
        echo "chromium ended with $?"
    grep -cE 'seccomp|SIGSYS|crash|signal 31' errors || :
}

# How the process that executes a page's scripts is confined, as reported by the kernel.
chromium_renderers_are_confined() {
    as_tester chromium --headless --disable-gpu --user-data-dir=/home/tester/c --remote-debugging-port=0 about:blank >/dev/null 2>errors &
    browser=$!
    # Renderers start and end, and are confined only after the fork.
    look() {
        renderer=$(pgrep -n -f -- --type=renderer) && grep -q 'Seccomp:.2' "/proc/$renderer/status" && {
            grep -E '^(Seccomp|NoNewPrivs|CapEff|Uid):' "/proc/$renderer/status"
            echo "$(find "/proc/$renderer/root/" -mindepth 1 -maxdepth 1 | wc -l) files"
            for namespace in user pid net; do
                [ "$(readlink "/proc/$renderer/ns/$namespace")" = "$(readlink "/proc/self/ns/$namespace")" ] || echo "own $namespace namespace"
            done
        } >seen && test -d "/proc/$renderer/root/"
    }
    within 40 look
    cat seen
    stop KILL "$browser"
}

firefox_takes_a_picture_in_its_sandbox() {
    chmod 755 .
    echo "$page" >page.html
    install -d -o tester /home/tester/shots
    as_tester firefox-esr --headless --no-remote --profile /home/tester/shots --screenshot /home/tester/shots/picture.png --window-size 300,200 \
        "file://$PWD/page.html" >output 2>&1 || echo "firefox ended with $?"
    grep -ciE 'sandbox|SIGSYS|crash' output || :
    head -c 24 /home/tester/shots/picture.png | od -An -tx1
    md5sum </home/tester/shots/picture.png
}
