#include "gateway/access/authentication.h"

/* The scheme's name has no case (RFC 9110 section 11.1). */
bool authentication_bearer(struct slice header, struct slice *token)
{
    const struct slice scheme = SLICE("Bearer ");

    if (header.n <= scheme.n || !slice_eq_nocase((struct slice){header.p, scheme.n}, scheme))
        return false;
    *token = slice_trim(slice_from_offset(header, scheme.n));
    return true;
}

enum err authentication_end(struct task *task, struct gateway *gateway,
                            struct authentication *authentication)
{
    if (authentication->refusal == OK && authentication->read)
        authentication->refusal = authentication->by->end(task, gateway, authentication);
    authentication->read = NULL;
    if (authentication->refusal != OK)
        authentication->principal = (struct principal){.kind = PRINCIPAL_NONE};
    return authentication->refusal;
}

bool authentication_refused(enum err err)
{
    return err != OK && err_row(err)->status < 500;
}
