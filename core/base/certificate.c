#include "base/certificate.h"

#include "base/address.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SERIAL_BYTES = 16, DAY_S = 86400 };

struct certificate {
    X509 *own;
    STACK_OF(X509) * chain; /* the others, who vouch for it */
    EVP_PKEY *key;
};

void certificate_free(struct certificate *certificate)
{
    if (!certificate)
        return;
    X509_free(certificate->own);
    sk_X509_pop_free(certificate->chain, X509_free);
    EVP_PKEY_free(certificate->key);
    mem_free(certificate);
}

/* --- reading --------------------------------------------------------------------------------- */

/* A key with a passphrase would be asked for at the terminal. */
static int no_passphrase(char *text, int room, int writing, void *asked)
{
    *(bool *)asked = true;
    return -1;
}

static struct slice cannot_be_read(struct arena *arena)
{
    return arena_printf(arena, "cannot be read (%s)", strerror(errno));
}

static bool read_chain(struct certificate *certificate, struct arena *arena, const char *path,
                       struct slice *fault)
{
    FILE *file = fopen(path, "re");
    bool asked = false;
    X509 *next;

    if (!file) {
        *fault = cannot_be_read(arena);
        return false;
    }
    certificate->own = PEM_read_X509_AUX(file, NULL, no_passphrase, &asked);
    certificate->chain = sk_X509_new_null();
    while (certificate->own && (next = PEM_read_X509(file, NULL, no_passphrase, &asked)))
        sk_X509_push(certificate->chain, next);
    fclose(file);
    /* The end of the file is an error of OpenSSL's, too. */
    bool ended = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    if (!certificate->own)
        *fault = SLICE("has no certificate in it (PEM)");
    else if (!ended)
        *fault = SLICE("has a broken certificate after its first one");
    return certificate->own && ended;
}

static bool read_key(struct certificate *certificate, struct arena *arena, const char *path,
                     struct slice *fault)
{
    FILE *file = fopen(path, "re");
    bool asked = false;

    if (!file) {
        *fault = cannot_be_read(arena);
        return false;
    }
    certificate->key = PEM_read_PrivateKey(file, NULL, no_passphrase, &asked);
    fclose(file);
    ERR_clear_error();
    if (!certificate->key)
        *fault = asked ? SLICE("has a passphrase, which nobody is there to give")
                       : SLICE("has no private key in it (PEM)");
    return certificate->key;
}

static bool judge_times(const struct certificate *certificate, struct slice *fault)
{
    if (X509_cmp_current_time(X509_get0_notBefore(certificate->own)) > 0)
        *fault = SLICE("is not valid yet");
    else if (X509_cmp_current_time(X509_get0_notAfter(certificate->own)) < 0)
        *fault = SLICE("has expired");
    else
        return true;
    return false;
}

/* As whoever serves with it: a key that is too small, say, is refused by OpenSSL's own rules. */
static bool judge_use(const struct certificate *certificate, struct arena *arena,
                      struct slice *fault)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    bool ok = SSL_CTX_use_cert_and_key(context, certificate->own, certificate->key,
                                       certificate->chain, 1) == 1;

    if (!ok)
        *fault = arena_printf(arena, "cannot be used for TLS (%s)",
                              ERR_reason_error_string(ERR_peek_last_error()));
    ERR_clear_error();
    SSL_CTX_free(context);
    return ok;
}

struct certificate *certificate_load(struct arena *arena, const char *chain_path,
                                     const char *key_path, bool *in_key, struct slice *fault)
{
    struct certificate *certificate = MEM_NEW(struct certificate);

    *in_key = false;
    ERR_clear_error();
    bool ok = read_chain(certificate, arena, chain_path, fault) && judge_times(certificate, fault);
    if (ok) {
        *in_key = true;
        ok = read_key(certificate, arena, key_path, fault);
    }
    if (ok && X509_check_private_key(certificate->own, certificate->key) != 1) {
        *fault = arena_printf(arena, "is not the key of the first certificate in %s", chain_path);
        ok = false;
    }
    if (ok) {
        *in_key = false;
        ok = judge_use(certificate, arena, fault);
    }
    if (ok)
        return certificate;
    ERR_clear_error();
    certificate_free(certificate);
    return NULL;
}

bool certificate_use(const struct certificate *certificate, struct ssl_st *connection)
{
    SSL_certs_clear(connection);
    return SSL_use_cert_and_key(connection, certificate->own, certificate->key, certificate->chain,
                                1) == 1;
}

bool certificate_same(const struct certificate *left, const struct certificate *right)
{
    int n = sk_X509_num(left->chain);

    if (X509_cmp(left->own, right->own) != 0 || sk_X509_num(right->chain) != n)
        return false;
    for (int i = 0; i < n; i++)
        if (X509_cmp(sk_X509_value(left->chain, i), sk_X509_value(right->chain, i)) != 0)
            return false;
    return true;
}

struct slice certificate_fingerprint(const struct certificate *certificate, struct arena *arena)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    struct slice text = SLICE("");
    unsigned n = 0;

    X509_digest(certificate->own, EVP_sha256(), digest, &n);
    for (unsigned i = 0; i < n; i++)
        text = arena_printf(arena, "%.*s%s%02X", SLICE_ARG(text), i ? ":" : "", digest[i]);
    return text;
}

uint64_t certificate_seconds_left(const struct certificate *certificate)
{
    int days = 0, seconds = 0;

    if (!ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(certificate->own)) || days < 0 ||
        seconds < 0)
        return 0;
    return (uint64_t)days * DAY_S + (uint64_t)seconds;
}

static bool is_address(struct slice name)
{
    struct cidr cidr;

    return cidr_parse(name, &cidr);
}

bool certificate_covers(const struct certificate *certificate, struct arena *arena,
                        struct slice name)
{
    const char *text = arena_cstr(arena, name);

    return is_address(name) ? X509_check_ip_asc(certificate->own, text, 0) == 1
                            : X509_check_host(certificate->own, text, name.n, 0, NULL) == 1;
}

/* --- making ---------------------------------------------------------------------------------- */

static bool add_extension(X509 *own, int id, const char *value)
{
    X509V3_CTX context;

    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, own, own, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, id, value);
    bool ok = extension && X509_add_ext(own, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return ok;
}

static const char *alternative_names(struct arena *arena, const struct slice *names, size_t n)
{
    struct slice text = SLICE("");

    for (size_t i = 0; i < n; i++)
        text = arena_printf(arena, "%.*s%s%s:%.*s", SLICE_ARG(text), i ? "," : "",
                            is_address(names[i]) ? "IP" : "DNS", SLICE_ARG(names[i]));
    return text.p;
}

static bool set_serial(X509 *own)
{
    unsigned char bytes[SERIAL_BYTES];

    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return false;
    bytes[0] &= 0x7f; /* positive */
    BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
    bool ok = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(own));
    BN_free(number);
    return ok;
}

static bool fill_in(X509 *own, EVP_PKEY *key, const char *names)
{
    static const unsigned char title[] = "Mediahub";
    X509_NAME *name = X509_get_subject_name(own);

    return X509_set_version(own, 2) == 1 && set_serial(own) &&
           X509_gmtime_adj(X509_getm_notBefore(own), -DAY_S) && /* clocks differ */
           X509_time_adj_ex(X509_getm_notAfter(own), CERTIFICATE_MADE_DAYS - 1, 0, NULL) &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, title, -1, -1, 0) == 1 &&
           X509_set_issuer_name(own, name) == 1 && X509_set_pubkey(own, key) == 1 &&
           add_extension(own, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(own, NID_key_usage, "critical,digitalSignature") &&
           add_extension(own, NID_ext_key_usage, "serverAuth") &&
           add_extension(own, NID_subject_key_identifier, "hash") &&
           add_extension(own, NID_subject_alt_name, names) && X509_sign(own, key, EVP_sha256()) > 0;
}

/* Complete, or as it was: beside it first. */
static bool write_pem(struct arena *arena, const char *path, X509 *own, EVP_PKEY *key)
{
    const char *beside = arena_printf(arena, "%s.new", path).p;
    int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");

    if (!file)
        return false;
    bool ok = own ? PEM_write_X509(file, own) == 1
                  : PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1;
    ok = fflush(file) == 0 && fsync(fd) == 0 && ok;
    ok = fclose(file) == 0 && ok;
    return ok && rename(beside, path) == 0;
}

bool certificate_make(struct arena *arena, const char *chain_path, const char *key_path,
                      const struct slice *names, size_t n, struct slice *problem)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *own = X509_new();
    bool ok = key && own && fill_in(own, key, alternative_names(arena, names, n));

    if (!ok)
        *problem = SLICE("a certificate cannot be made");
    if (ok && !(write_pem(arena, key_path, NULL, key) && write_pem(arena, chain_path, own, NULL))) {
        *problem = arena_printf(arena, "%s and %s cannot be written: %s", chain_path, key_path,
                                strerror(errno));
        ok = false;
    }
    ERR_clear_error();
    X509_free(own);
    EVP_PKEY_free(key);
    return ok;
}
