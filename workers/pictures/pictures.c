#include "pictures/pictures.h"

#include "base/log.h"
#include "pictures/image.h"

#include <dlfcn.h>
#include <gmodule.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <vips/vips.h>

/* Libraries' warnings about hostile files are no news; failures come back as results. GLib gives up
 * where there is no memory, and says so first. */
static void heed_log(const char *domain, GLogLevelFlags level, const char *text, void *arg)
{
    if (level & G_LOG_FLAG_FATAL && strstr(text, "failed to allocate"))
        _exit(DECODE_NO_MEMORY);
}

/* Of libvips' modules only the one for HEIC and AVIF, from beside the library. The kinds that the
 * others bring (ImageMagick, PDF, OpenSlide, JPEG XL) are not decoded here, but their libraries
 * would be a tenth of what is copied for every child. A libvips without modules has it built in. */
static void load_module(void)
{
    char path[1024];
    Dl_info library;

    if (dladdr((void *)(uintptr_t)vips_init, &library) == 0)
        return;
    const char *name = strrchr(library.dli_fname, '/');
    snprintf(path, sizeof(path), "%.*s/vips-modules-%d.%d/vips-heif.so",
             name ? (int)(name - library.dli_fname) : 0, library.dli_fname, vips_version(0),
             vips_version(1));
    GModule *module = g_module_open(path, G_MODULE_BIND_LOCAL);
    if (module)
        g_module_make_resident(module);
}

static void load(void)
{
    /* The filter forbids memory that is executable, which liborc would compile into. */
    setenv("VIPS_NOVECTOR", "1", 1);
    setenv("VIPSHOME", "/nonexistent", 1); /* where it looks for modules */
    g_log_set_default_handler(heed_log, NULL);
    if (VIPS_INIT("mediahub-decode") != 0) {
        log_event(LOG_ERROR, "libvips_failed", F("why", vips_error_buffer()));
        _exit(1);
    }
    load_module();
    vips_block_untrusted_set(TRUE);
    vips_concurrency_set(1);
    vips_cache_set_max(0);
}

static bool run(struct decoding *decoding)
{
    return decoding->request.kind == WIRE_KIND_IMAGE ? image_decode(decoding)
                                                     : decoding_elsewhere(decoding);
}

const struct decode_skill pictures_skill = {load, run};
