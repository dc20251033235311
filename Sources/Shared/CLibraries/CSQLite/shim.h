#ifndef TOCSIN_CSQLITE_SHIM_H
#define TOCSIN_CSQLITE_SHIM_H

#include <sqlite3.h>

#endif
