#!/bin/sh
# Makes sample/: fourteen seconds of H.264/AAC in CMAF from ffmpeg's own test sources, as HLS and
# DASH over the same segment files. Run it only to change the sample: its output is committed, so
# that nobody needs ffmpeg to start the gateway. Needs ffmpeg 5 or newer with libx264.
set -eu

seconds=14
segment=2
out=$(dirname "$0")/sample
rm -rf "$out"
mkdir -p "$out"
cd "$out"

# A clock, a frame counter and the rendition's name, where this ffmpeg can draw text at all.
label() { # name of the rendition
  if ffmpeg -hide_banner -loglevel quiet -f lavfi -i color=s=64x64:d=0.1 -vf drawtext=text=x \
    -f null -; then
    common="fontcolor=white:fontsize=h/9:box=1:boxcolor=black@0.65:boxborderw=4"
    printf ',drawtext=font=monospace:text=%s:x=w-text_w-h/16:y=h/16:%s' "'$1'" "$common"
    printf ',drawtext=font=monospace:text=%s:x=(w-text_w)/2:y=h-text_h-h/6:%s' \
      "'%{pts\:hms}  %{n}'" "$common"
  fi
}

# No B-frames, so decode and presentation times agree; closed GOPs of exactly one segment; one
# thread and bit-exact muxing, so that a second run on the same ffmpeg gives the same bytes.
ffmpeg -hide_banner -loglevel warning -nostdin -y \
  -f lavfi -i "testsrc2=size=640x360:rate=25:duration=$seconds" \
  -f lavfi -i "sine=frequency=220:beep_factor=4:sample_rate=48000:duration=$seconds" \
  -filter_complex "[0:v]split=3[a][b][c];
    [a]scale=256:144$(label 144p)[v0];
    [b]scale=426:240$(label 240p)[v1];
    [c]null$(label 360p)[v2]" \
  -map '[v0]' -map '[v1]' -map '[v2]' -map 1:a \
  -c:v libx264 -preset slow -profile:v main -pix_fmt yuv420p -bf 0 \
  -x264-params "keyint=$((segment * 25)):min-keyint=$((segment * 25)):scenecut=0:open-gop=0:threads=1" \
  -b:v:0 130k -maxrate:v:0 160k -bufsize:v:0 260k \
  -b:v:1 350k -maxrate:v:1 430k -bufsize:v:1 700k \
  -b:v:2 750k -maxrate:v:2 900k -bufsize:v:2 1500k \
  -c:a aac -b:a 64k -ac 2 -fflags +bitexact -flags +bitexact \
  -f dash -seg_duration "$segment" -use_template 1 -use_timeline 1 -hls_playlist 1 \
  -init_seg_name '$RepresentationID$-init.mp4' -media_seg_name '$RepresentationID$-$Number$.m4s' \
  -adaptation_sets 'id=0,streams=v id=1,streams=a' manifest.mpd

# The muxer numbers its renditions; names read better in logs and in a player's menu.
number=0
for name in 144p 240p 360p audio; do
  for file in "$number"-*; do mv "$file" "$name${file#"$number"}"; done
  sed -e '/^#EXT-X-PROGRAM-DATE-TIME/d' \
    -e 's/^#EXT-X-MEDIA-SEQUENCE:.*/&\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-INDEPENDENT-SEGMENTS/' \
    -e "s/\"$number-init/\"$name-init/;s/^$number-/$name-/" "media_$number.m3u8" >"$name.m3u8"
  sed -i "s/<Representation id=\"$number\"/<Representation id=\"$name\"/" manifest.mpd
  rm "media_$number.m3u8"
  number=$((number + 1))
done
rm master.m3u8

cat >subtitles-en.vtt <<'VTT'
WEBVTT

00:00:00.500 --> 00:00:03.500
This picture and this tone come from ffmpeg's test sources.

00:00:04.000 --> 00:00:07.500
Three renditions, one audio track and these subtitles:
HLS and DASH read the same files.

00:00:08.000 --> 00:00:11.000
Watch Cache-Status below: play again and it says hit.

00:00:11.500 --> 00:00:13.900
The end is near.
VTT
cat >subtitles-en.m3u8 <<M3U8
#EXTM3U
#EXT-X-VERSION:6
#EXT-X-TARGETDURATION:$seconds
#EXT-X-MEDIA-SEQUENCE:0
#EXT-X-PLAYLIST-TYPE:VOD
#EXTINF:$seconds.000000,
subtitles-en.vtt
#EXT-X-ENDLIST
M3U8
sed -i "s|^\t</Period>|\
\t\t<AdaptationSet id=\"2\" contentType=\"text\" lang=\"en\">\n\
\t\t\t<Role schemeIdUri=\"urn:mpeg:dash:role:2011\" value=\"subtitle\" />\n\
\t\t\t<Representation id=\"subtitles-en\" mimeType=\"text/vtt\" bandwidth=\"500\">\n\
\t\t\t\t<BaseURL>subtitles-en.vtt</BaseURL>\n\
\t\t\t</Representation>\n\
\t\t</AdaptationSet>\n&|" manifest.mpd
sed -i 's|contentType="audio"|contentType="audio" lang="en"|' manifest.mpd

# Bits per second of one rendition: the largest segment's (its peak) and the whole one's.
rate_of() { # rendition, 'peak' or 'average'
  ls -l "$1"-[0-9]*.m4s | awk -v s="$segment" -v total="$seconds" -v want="$2" '
    { sum += $5; if ($5 > max) max = $5 }
    END { print int(want == "peak" ? max * 8 / s * 1.02 : sum * 8 / total) }'
}
codec_of() { sed -n "s/.*id=\"$1\".*codecs=\"\([^\"]*\)\".*/\1/p" manifest.mpd; }

variant() { # rendition, resolution
  bandwidth=$(($(rate_of "$1" peak) + $(rate_of audio peak)))
  average=$(($(rate_of "$1" average) + $(rate_of audio average)))
  printf '#EXT-X-STREAM-INF:BANDWIDTH=%s,AVERAGE-BANDWIDTH=%s,CODECS="%s,%s",' \
    "$bandwidth" "$average" "$(codec_of "$1")" "$(codec_of audio)"
  printf 'RESOLUTION=%s,FRAME-RATE=25.000,AUDIO="audio",SUBTITLES="subtitles"\n%s.m3u8\n' "$2" "$1"
}
{
  printf '#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-INDEPENDENT-SEGMENTS\n'
  printf '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="English",LANGUAGE="en",DEFAULT=YES,'
  printf 'AUTOSELECT=YES,CHANNELS="2",URI="audio.m3u8"\n'
  printf '#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="subtitles",NAME="English",LANGUAGE="en",'
  printf 'DEFAULT=NO,AUTOSELECT=YES,FORCED=NO,URI="subtitles-en.m3u8"\n'
  variant 144p 256x144
  variant 240p 426x240
  variant 360p 640x360
} >master.m3u8
du -sb .
