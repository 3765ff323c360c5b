/* cut.h: whether a file ends before its own structure does, told by the sizes that containers write
 * down about themselves: ISO 14496-12 section 4.2, RIFF (AVI, with OpenDML's further RIFFs, and
 * WAV), RFC 8794 with RFC 9559 (Matroska), ISO 13818-1 (transport streams), RFC 3533 (Ogg). Reads a
 * few headers, decodes nothing, and leaves the descriptor's place alone. */
#pragma once

enum cut { CUT_UNKNOWN, CUT_WHOLE, CUT_SHORT };

enum cut cut_look(int fd);
