/*
 * libos/fmt/fmt.h - printf's little sibling.
 *
 * Conversions d i u x X c s p %, with flags - and 0, width and precision (numbers
 * or *), lengths h hh l ll z j t. Anything else is copied as it stands. No floating
 * point.
 */
#ifndef LIBOS_FMT_H
#define LIBOS_FMT_H

#include <stdarg.h>
#include <stddef.h>

/* As vsnprintf: writes at most size - 1 characters and a zero (nothing if size is 0), returns how
 * many characters there would have been. */
size_t fmt_v(char *to, size_t size, const char *format, va_list args);

#endif
