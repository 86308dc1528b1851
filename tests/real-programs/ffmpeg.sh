# packages: ffmpeg
# programs: ffmpeg
# what: thread pools of libx265 in another program (`pools`), and the resulting stream

encode() {
    ffmpeg -nostdin -hide_banner -f lavfi -i testsrc=size=320x240:rate=10:duration=0.3 -c:v libx265 -preset ultrafast \
        -x265-params "pools=$1" -f hevc -y video.hevc 2>&1 | grep -iE 'pool|numa|error'
    md5sum <video.hevc
}
for pools in '+,-,-,-' '-,+,-,+' '-,-,-,2' 4 none; do try "pools $pools" encode "$pools"; done
