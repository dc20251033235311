#ifndef TOCSIN_CZSTD_SHIM_H
#define TOCSIN_CZSTD_SHIM_H

#include <zstd.h>

#endif
