/* The messages of /realtime: what is understood, and the exact text that is answered. */
#include "unit.h"

#include "realtime/protocol.h"

#include <stdio.h>

#include <string.h>

#define S(text) SLICE_INIT(text)

static const struct {
    struct slice text;
    bool ok;
    enum command_type type;
    struct slice reference, channel, resource_id, since, token;
} commands[] = {
    {S("{\"type\":\"ping\"}"), true, COMMAND_PING, S(""), S(""), S(""), S(""), S("")},
    {S("{\"type\":\"ping\",\"id\":7}"), true, COMMAND_PING, S("7"), S(""), S(""), S(""), S("")},
    {S("{\"id\":\"a\\\"b\",\"type\":\"ping\",\"more\":{}}"), true, COMMAND_PING, S("\"a\\\"b\""),
     S(""), S(""), S(""), S("")},
    {S("{\"type\":\"auth\",\"token\":\"t\"}"), true, COMMAND_AUTH, S(""), S(""), S(""), S(""),
     S("t")},
    {S("{\"type\":\"subscribe\",\"channel\":\"c\",\"resource_id\":\"r\",\"since\":\"s\"}"), true,
     COMMAND_SUBSCRIBE, S(""), S("c"), S("r"), S("s"), S("")},
    {S("{\"type\":\"subscribe\",\"channel\":\"c\",\"resource_id\":null,\"since\":null}"), true,
     COMMAND_SUBSCRIBE, S(""), S("c"), S(""), S(""), S("")},
    {S("{\"type\":\"unsubscribe\",\"channel\":\"c\",\"resource_id\":\"*\"}"), true,
     COMMAND_UNSUBSCRIBE, S(""), S("c"), S(""), S(""), S("")},
    {S(""), false, 0, S(""), S(""), S(""), S(""), S("")},
    {S("hello"), false, 0, S(""), S(""), S(""), S(""), S("")},
    {S("[]"), false, 0, S(""), S(""), S(""), S(""), S("")},
    {S("{\"type\":\"ping\"} x"), false, 0, S(""), S(""), S(""), S(""), S("")},
    {S("{\"type\":\"ping\",\"type\":\"auth\"}"), false, 0, S(""), S(""), S(""), S(""), S("")},
    {S("{\"id\":3}"), false, 0, S("3"), S(""), S(""), S(""), S("")},
    {S("{\"type\":5,\"id\":3}"), false, 0, S("3"), S(""), S(""), S(""), S("")},
    {S("{\"type\":\"ping\",\"id\":[1]}"), false, 0, S(""), S(""), S(""), S(""), S("")},
    {S("{\"type\":\"ping\",\"id\":1.5}"), false, 0, S(""), S(""), S(""), S(""), S("")},
    {S("{\"type\":\"auth\"}"), false, 0, S(""), S(""), S(""), S(""), S("")},
    {S("{\"type\":\"auth\",\"token\":5}"), false, 0, S(""), S(""), S(""), S(""), S("")},
    {S("{\"type\":\"subscribe\"}"), false, 0, S(""), S(""), S(""), S(""), S("")},
    {S("{\"type\":\"subscribe\",\"channel\":\"c\",\"resource_id\":5}"), false, 0, S(""), S("c"),
     S(""), S(""), S("")},
    {S("{\"type\":\"subscribe\",\"channel\":\"c\",\"since\":5}"), false, 0, S(""), S("c"), S(""),
     S(""), S("")},
};

static void assert_slice(struct slice seen, struct slice expected)
{
    if (!slice_eq(seen, expected))
        fail_msg("%.*s instead of %.*s", SLICE_ARG(seen), SLICE_ARG(expected));
}

static void reads_commands(void **unused)
{
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        struct arena *arena = arena_new();
        struct command command;
        struct slice problem;
        enum err err = command_parse(arena, commands[i].text, &command, &problem);

        assert_int_equal(err, commands[i].ok ? OK : ERR_VALIDATION);
        assert_int_equal(problem.n == 0, commands[i].ok);
        if (commands[i].ok)
            assert_int_equal(command.type, commands[i].type);
        assert_slice(command.reference, commands[i].reference);
        assert_slice(command.channel, commands[i].channel);
        assert_slice(command.resource_id, commands[i].resource_id);
        if (commands[i].ok)
            assert_slice(command.since, commands[i].since);
        assert_int_equal(command.has_since, commands[i].ok && commands[i].since.n > 0);
        assert_slice(command.token, commands[i].token);
        arena_free(arena);
    }
}

static void check(struct message *message, const char *expected)
{
    assert_slice(message_payload(message), slice_from(expected));
    message_unref(message);
}

static void writes_answers(void **unused)
{
    const struct command command = {.type = COMMAND_SUBSCRIBE,
                                    .reference = SLICE("\"r1\""),
                                    .channel = SLICE("media_updates"),
                                    .resource_id = SLICE("media_1")};
    const struct command all = {.type = COMMAND_SUBSCRIBE, .channel = SLICE("media_updates")};

    check(message_welcome(SLICE("s")),
          "{\"type\":\"welcome\",\"session_id\":\"s\","
          "\"auth_timeout\":10,\"heartbeat\":25,\"version\":\"1.0.0\"}");
    check(message_auth_ok(&command, SLICE("user_1"), 1685440800000),
          "{\"type\":\"auth_ok\",\"reply_to\":\"r1\",\"user_id\":\"user_1\","
          "\"expires_at\":\"2023-05-30T10:00:00Z\"}");
    check(message_auth_ok(NULL, SLICE("user_1"), 0),
          "{\"type\":\"auth_ok\",\"user_id\":\"user_1\",\"expires_at\":null}");
    check(message_auth_error(NULL, SLICE("No.")),
          "{\"type\":\"auth_error\",\"error\":{\"code\":\"unauthorized\",\"message\":\"No.\"}}");
    check(message_subscribed(&command, SLICE("pos"), RECOVERED_YES),
          "{\"type\":\"subscribed\",\"reply_to\":\"r1\",\"channel\":\"media_updates\","
          "\"resource_id\":\"media_1\",\"position\":\"pos\",\"recovered\":true}");
    check(message_subscribed(&all, SLICE_NONE, RECOVERED_NOT_ASKED),
          "{\"type\":\"subscribed\",\"channel\":\"media_updates\",\"resource_id\":null,"
          "\"position\":null}");
    check(message_subscribed(&all, SLICE("p"), RECOVERED_NO),
          "{\"type\":\"subscribed\",\"channel\":\"media_updates\",\"resource_id\":null,"
          "\"position\":\"p\",\"recovered\":false}");
    check(message_unsubscribed(&all, SLICE("p")),
          "{\"type\":\"unsubscribed\",\"channel\":\"media_updates\",\"resource_id\":null,"
          "\"position\":\"p\"}");
    check(message_error(&command, ERR_NOT_FOUND, SLICE("Gone.")),
          "{\"type\":\"error\",\"reply_to\":\"r1\",\"error\":{\"code\":\"not_found\","
          "\"message\":\"Gone.\"},\"channel\":\"media_updates\",\"resource_id\":\"media_1\"}");
    check(message_error(NULL, ERR_VALIDATION, SLICE("Bad.")),
          "{\"type\":\"error\",\"error\":{\"code\":\"validation_error\",\"message\":\"Bad.\"}}");
    check(message_token_expiring(1685440800000),
          "{\"type\":\"token_expiring\",\"expires_at\":\"2023-05-30T10:00:00Z\"}");
    check(message_gap(SLICE("media_updates"), SLICE("p"), SLICE("slow_consumer")),
          "{\"type\":\"gap\",\"channel\":\"media_updates\",\"resource_id\":null,"
          "\"position\":\"p\",\"reason\":\"slow_consumer\"}");
}

static void writes_events_around_the_stored_body(void **unused)
{
    struct event event = {
        .type = EVENT_MEDIA_UPDATED,
        .id = SLICE("evt_1"),
        .owner = SLICE("user_1"),
        .resource = SLICE("media_1"),
        .changes = SLICE("{\"title\":\"x\"}"),
        .body = SLICE("{\"event\":\"media.updated\",\"data\":{\"id\":\"media_1\","
                      "\"type\":\"image\",\"user_id\":\"user_1\"},\"timestamp\":\"t\"}"),
    };

#define FRAME(position, changes)                                                                   \
    "{\"type\":\"event\",\"id\":\"evt_1\",\"position\":\"" position                                \
    "\",\"channel\":\"media_updates\","                                                            \
    "\"resource_id\":\"media_1\",\"event\":\"media.updated\",\"data\":{\"id\":\"media_1\","        \
    "\"type\":\"image\",\"user_id\":\"user_1\"},\"timestamp\":\"t\",\"changes\":" changes "}"
    struct message *message = message_event(&event, SLICE("media_updates"), SLICE("pos"));
    assert_slice(message_position(message), SLICE("pos"));
    struct message *elsewhere = message_at(message, SLICE("farther"));
    assert_slice(message_position(elsewhere), SLICE("farther"));
    check(elsewhere, FRAME("farther", "{\"title\":\"x\"}"));
    check(message, FRAME("pos", "{\"title\":\"x\"}"));
    event.changes = SLICE_NONE;
    check(message_event(&event, SLICE("media_updates"), SLICE("pos")), FRAME("pos", "{}"));
#undef FRAME
}

static void expect_bytes(struct message *message, struct slice frame, struct slice block)
{
    assert_slice(message_bytes(message, ENCODING_SSE), block);
    assert_slice(message_bytes(message, ENCODING_WEBSOCKET), frame);
    struct slice chunk = message_bytes(message, ENCODING_SSE_CHUNKED);
    char head[16];
    int head_n = block.n ? snprintf(head, sizeof head, "%zx\r\n", block.n) : 0;
    struct slice end = !block.n               ? SLICE_NONE
                       : frame.p[0] == '\x88' ? SLICE("\r\n0\r\n\r\n")
                                              : SLICE("\r\n");

    assert_int_equal(chunk.n, (size_t)head_n + block.n + end.n);
    if (chunk.n) {
        assert_memory_equal(chunk.p, head, (size_t)head_n);
        assert_memory_equal(chunk.p + head_n, block.p, block.n);
        assert_memory_equal(chunk.p + head_n + block.n, end.p, end.n);
    }
    assert_ptr_equal(chunk.p, message_bytes(message, ENCODING_SSE_CHUNKED).p); /* made once */
    message_unref(message);
}

static void messages_are_shared_in_each_encoding(void **unused)
{
    struct message *message = message_new(OPCODE_TEXT, SLICE("x"));

    assert_ptr_equal(message_ref(message), message);
    message_unref(message);
    expect_bytes(message, SLICE("\x81\x01x"), SLICE("data: x\n\n"));
    expect_bytes(message_new(OPCODE_TEXT, SLICE("a\n\nb")),
                 SLICE("\x81\x04"
                       "a\n\nb"),
                 SLICE("data: a\ndata: \ndata: b\n\n"));
    expect_bytes(message_new(OPCODE_PING, SLICE_NONE), SLICE("\x89\x00"), SLICE(":\n\n"));
    expect_bytes(message_new(OPCODE_PONG, SLICE("x")), SLICE("\x8A\x01x"), SLICE(""));
    expect_bytes(message_close(4001, SLICE("why")), SLICE("\x88\x05\x0F\xA1why"),
                 SLICE("data: {\"type\":\"closed\",\"code\":4001,\"reason\":\"why\"}\n\n"));
    expect_bytes(message_close(4200, SLICE("retry_ms=77")), SLICE("\x88\x0D\x10\x68retry_ms=77"),
                 SLICE("retry: 77\n\ndata: {\"type\":\"closed\",\"code\":4200,"
                       "\"reason\":\"retry_ms=77\"}\n\n"));
    expect_bytes(message_close(0, SLICE_NONE), SLICE("\x88\x00"), SLICE(""));
    message = message_retry(SLICE("2000"));
    assert_slice(message_bytes(message, ENCODING_SSE), SLICE("retry: 2000\n\n"));
    message_unref(message);
    const struct command all = {.type = COMMAND_SUBSCRIBE, .channel = SLICE("c")};
    message = message_subscribed(&all, SLICE("pos"), RECOVERED_NO);
    assert_slice(message_bytes(message, ENCODING_SSE),
                 SLICE("id: pos\ndata: {\"type\":\"subscribed\",\"channel\":\"c\","
                       "\"resource_id\":null,\"position\":\"pos\",\"recovered\":false}\n\n"));
    message_unref(message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_commands),
        cmocka_unit_test(writes_answers),
        cmocka_unit_test(writes_events_around_the_stored_body),
        cmocka_unit_test(messages_are_shared_in_each_encoding),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
