#pragma once

/// \file
/// What the programs need of TLS besides sockets: certificates, secrets and their files.

#include "wire/net/certificates.h"
#include "wire/net/files.h"
#include "wire/net/secrets.h"
