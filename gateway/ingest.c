#include "gateway/ingest.h"

#include "base/utf8.h"
#include "state/job_kind.h"

#include <assert.h>

struct slice filename_stem(struct slice filename)
{
    size_t end = filename.n;

    while (end > 0 && filename.p[end - 1] != '.')
        end--;
    return end > 1 ? (struct slice){filename.p, end - 1} : filename;
}

static enum media_type type_of(struct slice mime_type)
{
    struct slice group, rest;
    enum media_type type = MEDIA_DOCUMENT;
    bool known = slice_split(mime_type, '/', &group, &rest) && media_type_parse(group, &type);

    assert(known); /* what is taken is an image, a video or audio: their names are the groups */
    (void)known;
    return type;
}

static struct slice cut(struct slice text, size_t characters)
{
    struct slice rest = text;

    while (rest.n && characters--) {
        size_t n = utf8_take(rest, NULL);

        rest = slice_from_offset(rest, n ? n : 1);
    }
    return (struct slice){text.p, text.n - rest.n};
}

/* What nobody named is called like its file. */
static struct slice title_of(const struct media *media)
{
    struct slice title = slice_trim(media->title);

    if (title.n == 0)
        title = filename_stem(media->filename);
    return title.n ? cut(title, INGEST_TITLE_MAX) : SLICE("Untitled");
}

enum err ingest_media(struct task *task, struct state *state, struct media *media,
                      const struct once_claim *once, const struct usage_bound *bound,
                      const struct media_companion *with)
{
    media->type = type_of(media->mime_type);
    media->title = title_of(media);
    media->status = MEDIA_PROCESSING;

    enum job_kind kind = job_kind_for(media->type);
    struct job job = {.kind = kind, .lane = job_kind_row(kind)->lane};
    return media_create_with(task, state, media, &job, once, bound, with);
}
