#include "gateway/quota.h"

void quota_read(const struct config *config, struct quota *out)
{
    out->most.bytes = config_number(config, "quota.bytes");
    out->most.items = config_number(config, "quota.items");
    out->text_bytes = config_number(config, "quota.text");
}

bool quota_text_fits(const struct quota *quota, const struct media *media)
{
    uint64_t n = media->title.n + media->description.n + media->filename.n;

    for (size_t i = 0; i < media->tag_count; i++)
        n += media->tags[i].n;
    return n <= quota->text_bytes;
}
