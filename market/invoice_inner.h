/* market/invoice_inner.h - what the files of invoices share; nobody else includes it. */
#ifndef MARKET_INVOICE_INNER_H
#define MARKET_INVOICE_INNER_H

#include "market/invoice.h"

int invoice_add_line(struct invoice_lines *lines, const struct receipt *receipt);
int invoice_add_row(struct invoice *invoice, const struct ledger_move *move);

#endif
