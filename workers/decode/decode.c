#include "decode/decode.h"

#include "decode/private_write.h"

struct wire_message decode_run(const struct decode_skill *skill, struct decoding *decoding)
{
    if (skill->run(decoding) && private_write(decoding))
        return (struct wire_message){
            .type = WIRE_DECODED,
            .decoded = {decoding->made, decoding->made_count, decoding->results}};
    if (decoding->elsewhere)
        return (struct wire_message){.type = WIRE_ELSEWHERE};
    if (decoding->needs_bytes)
        return (struct wire_message){.type = WIRE_NEEDS, .needs = {decoding->needs_bytes}};
    return (struct wire_message){.type = WIRE_UNDECODABLE,
                                 .undecodable = {decoding->reason, decoding->message}};
}
