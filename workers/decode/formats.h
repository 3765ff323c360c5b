/* formats.h: which clips and recordings are opened, and how far it is looked into them: the same
 * for our own probe (films/container.h) and for the ffmpeg program, both in libav's words. */
#pragma once

/* No playlists, no lists of other files, no devices. */
#define FORMATS_OPENED                                                                             \
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,ogg,mp3,wav,flac,aac,flv,asf"

/* For what is in it: bytes, and microseconds of its time. */
#define FORMATS_PROBE_BYTES "10000000"
#define FORMATS_ANALYSE_US "5000000"
