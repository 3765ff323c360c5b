/* tiff.h: directories of entries, as TIFF 6.0 has them, and with it EXIF, raw files, and (with
 * wider numbers) BigTIFF. Pure; every offset is held against the bytes, and what lies outside is
 * told by one sticky flag. */
#pragma once

#include "base/slice.h"

struct tiff {
    struct slice bytes; /* offsets count from the first */
    bool little_endian;
    bool big;       /* BigTIFF */
    bool broken;    /* a number was asked for that is not there */
    uint64_t first; /* directory; 0: none */
};

struct tiff_ifd {
    uint64_t at, n; /* of its entries, those that are there whole */
    uint64_t end;   /* behind the last of them */
    uint64_t next;  /* directory of the chain; 0: none */
};

struct tiff_entry {
    unsigned tag, type;
    uint64_t count; /* of values, as it says */
    uint64_t at, n; /* their bytes, cut to those that are there */
};

/* Raw formats with numbers of their own in place of 42 are taken too. False, and broken, for what
 * does not begin with a byte order and the offset of a directory. */
bool tiff_open(struct slice bytes, struct tiff *out);
/* An unsigned number; 0, and broken, when it lies outside. */
uint64_t tiff_number(struct tiff *tiff, uint64_t at, unsigned width);
/* False, and broken, for one that lies outside; broken too when entries are missing. A chain whose
 * end was left out ends there. */
bool tiff_ifd(struct tiff *tiff, uint64_t at, struct tiff_ifd *out);
/* i < ifd->n */
struct tiff_entry tiff_entry(struct tiff *tiff, const struct tiff_ifd *ifd, uint64_t i);
/* The first entry with the tag. */
bool tiff_find(struct tiff *tiff, const struct tiff_ifd *ifd, unsigned tag, struct tiff_entry *out);

/* The i-th value of an entry of any type of number, signed or not; false for others, for x/0 and
 * for what is not there. */
bool tiff_real(struct tiff *tiff, const struct tiff_entry *entry, uint64_t i, double *out);
/* A text without its NUL, its first 4096 bytes at most; empty for an entry of another kind. */
struct slice tiff_text(const struct tiff *tiff, const struct tiff_entry *entry);
