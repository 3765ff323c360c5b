/* users.h: how Media Vault shows an account. */
#pragma once

#include "gateway/request.h"
#include "state/account.h"

/* Never the password's hash. */
void mediavault_user_reply(struct request *req, int status, const struct account *account);
