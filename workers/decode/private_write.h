/* private_write.h: the mask of a decoding's original (private.h), written into its outputs. */
#pragma once

#include "decode/decoding.h"

/* Into each output that is to be a mask; where nobody can tell, none is made. */
bool private_write(struct decoding *decoding);
