# packages: x265
# programs: x265
# what: thread pools on selected nodes (`--pools`), which log their nodes; the resulting stream

dd if=/dev/zero bs=115200 count=3 2>/dev/null | tr '\0' '\200' >video.yuv
encode() {
    x265 --input video.yuv --input-res 320x240 --fps 25 --preset ultrafast --output video.hevc "$@" 2>&1 | grep -iE 'pool|numa|error'
    md5sum <video.hevc
}
for pools in 4 '+,-,-,-' '-,+,-,+' '1,1,1,1' '*' none '-,-,-,2' '9,9'; do
    try "pools $pools" encode --pools "$pools"
done
