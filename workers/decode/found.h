/* found.h: what a file was found to say about its picture or clip. Several sources say the same
 * with more or less right; the best one stays, and of equals the first. */
#pragma once

#include "base/arena.h"
#include "decode/when.h"
#include "wire/wire.h"

/* What a time tells, the best first. Programs that keep EXIF and XMP write the same into both; they
 * differ where a person has set the date of a scanned photo, which is in XMP. */
enum found_time {
    FOUND_ORIGINAL, /* EXIF's DateTimeOriginal */
    FOUND_XMP_ORIGINAL,
    FOUND_XMP_CREATED, /* photoshop:DateCreated */
    FOUND_DIGITIZED,
    FOUND_XMP_DIGITIZED,
    FOUND_CHANGED, /* DateTime: of the file, by a camera that writes no other */
    FOUND_POSITIONED,
    FOUND_XMP_POSITIONED,
    FOUND_XMP_CHANGED,
    FOUND_TIMES
};

struct found {
    struct arena *arena;
    struct wire_metadata metadata;
    enum found_time time; /* FOUND_TIMES: taken_ms is not known */
    int64_t taken_ms;
    unsigned orientation; /* 1 to 8, as EXIF counts them; 0: nothing is said */
};

void found_init(struct found *found, struct arena *arena);
/* The time counts if it can be read. */
void found_time(struct found *found, enum found_time what, const struct when *when);
/* Texts in whatever encoding; "Nikon" and "NIKON D90" are one camera, named once. */
void found_camera(struct found *found, struct slice make, struct slice model);
void found_lens(struct found *found, struct slice model);
/* Degrees; not taken when they are out of range, or 0 and 0, which is how phones say "no fix". */
void found_place(struct found *found, double latitude, double longitude);
/* Metres over the sea. */
void found_altitude(struct found *found, double metres);
void found_iso(struct found *found, double iso);
void found_exposure(struct found *found, double seconds);
void found_aperture(struct found *found, double f_number);
