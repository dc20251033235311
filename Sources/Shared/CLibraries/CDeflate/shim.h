#ifndef TOCSIN_CDEFLATE_SHIM_H
#define TOCSIN_CDEFLATE_SHIM_H

#include <libdeflate.h>

#endif
