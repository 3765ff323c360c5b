/* users.h: how Media Vault shows an account, and what happens when its password changes. */
#pragma once

#include "gateway/request.h"
#include "state/account.h"

/* Never the password's hash. */
void mediavault_user_reply(struct request *req, int status, const struct account *account);
void mediavault_user_write(struct json_writer *w, const struct account *account);
