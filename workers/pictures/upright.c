#include "pictures/upright.h"

/* Takes over *image. */
static bool replace(VipsImage **image, VipsImage *by)
{
    if (!by)
        return false;
    g_object_unref(*image);
    *image = by;
    return true;
}

bool upright_turn(VipsImage **image, unsigned orientation)
{
    VipsImage *turned = NULL;

    if (orientation <= 1)
        return true;
    /* A copy of its own, since a field is set, and in memory, since a turn reads it in any order.
     */
    if (!replace(image, vips_image_copy_memory(*image)))
        return false;
    vips_image_set_int(*image, VIPS_META_ORIENTATION, (int)orientation);
    return vips_autorot(*image, &turned, NULL) == 0 && replace(image, turned);
}
