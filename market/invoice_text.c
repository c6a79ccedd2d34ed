/*
 * market/invoice_text.c - see invoice.h: an invoice for people, as text and as a page that can be printed. Names and notes come
 * from outside: what could be anything but a letter on a terminal, or in HTML, is replaced.
 */
#include <string.h>

#include "market/invoice.h"
#include "market/written.h"

/* ------------------------------------------------------------------------ text */

static void put_plain(const char *text, FILE *to)
{
	for (; *text; text++)
		fputc((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text, to);
}

static void text_lines(const struct invoice_lines *lines, FILE *to)
{
	char quantity[INVOICE_QUANTITY], rate[INVOICE_RATE], amount[WRITTEN_AMOUNT];

	for (unsigned i = 0; i < lines->count; i++) {
		const struct invoice_line *line = &lines->line[i];
		const char *one = invoice_rate(line, rate);

		fprintf(to, "  %-16s %-12s %20s %-8s %-16s %10llu %16s\n", line->service,
			line->version, invoice_quantity(line->quantity, quantity), line->unit,
			one ? one : "", (unsigned long long)line->receipts,
			written_amount(line->amount, amount));
	}
}

static void text_sum(const char *what, int64_t amount, FILE *to)
{
	char text[WRITTEN_AMOUNT];

	fprintf(to, "%-87s %17s\n", what, written_amount(amount, text));
}

static void text_rows(const struct invoice *v, FILE *to)
{
	char at[WRITTEN_TIME], amount[WRITTEN_AMOUNT];

	for (unsigned i = 0; i < v->rows; i++) {
		const struct invoice_row *row = &v->row[i];

		fprintf(to, "  %s %-8s %16s  ", written_date(row->at, at),
			row->kind < CHAIN_KINDS ? chain_kind_names[row->kind] : "",
			written_amount(row->amount, amount));
		put_plain(row->note, to);
		fputc('\n', to);
	}
}

static void hex(const uint8_t hash[static 32], FILE *to)
{
	for (unsigned i = 0; i < 32; i++)
		fprintf(to, "%02x", hash[i]);
}

void invoice_text(const struct invoice *v, FILE *to)
{
	char from[WRITTEN_TIME], until[WRITTEN_TIME];

	fprintf(to, "invoice %s-%s, in %s\n%s until %s\n\n", v->account, v->month, v->currency,
		written_date(v->from, from), written_date(v->to, until));
	text_sum("balance before", v->opening, to);
	if (v->charged.count > 0)
		fprintf(to, "  %-16s %-12s %20s %-8s %-16s %10s %16s\n", "SERVICE", "VERSION",
			"QUANTITY", "UNIT", "PER UNIT", "RECEIPTS", "AMOUNT");
	text_lines(&v->charged, to);
	text_sum("used", v->charged.amount, to);
	if (v->taken_back.count > 0) {
		text_lines(&v->taken_back, to);
		text_sum("taken back", v->taken_back.amount, to);
	}
	text_rows(v, to);
	text_sum("paid", v->paid, to);
	if (v->credited != 0)
		text_sum("credited", v->credited, to);
	text_sum("balance after", v->closing, to);
	fprintf(to, "\nreceipts  %zu, digest ", v->receipts);
	hex(v->digest, to);
	fprintf(to, "\nledger    entry %llu, hash ", (unsigned long long)v->entries);
	hex(v->head, to);
	fputc('\n', to);
}

/* ------------------------------------------------------------------------ HTML */

static const char head[] = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
			   "<meta name=\"viewport\" content=\"width=device-width\">\n<title>";
static const char style[] =
	"</title>\n<style>\n"
	"@page { size: A4; margin: 18mm }\n"
	"body { font: 10pt/1.4 sans-serif; color: #111; max-width: 174mm; margin: 2em auto }\n"
	"@media print { body { margin: 0 } }\n"
	"h1 { font-size: 16pt; margin: 0 0 .2em }\n"
	"table { border-collapse: collapse; width: 100%; margin: 1.2em 0 }\n"
	"thead { display: table-header-group }\n"
	"tr { break-inside: avoid }\n"
	"th, td { text-align: left; padding: .25em .5em .25em 0; border-bottom: .5pt solid #bbb; "
	"vertical-align: top; overflow-wrap: anywhere }\n"
	".n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }\n"
	".sum td { font-weight: bold }\n"
	".small { font-size: 8pt; overflow-wrap: anywhere }\n"
	"</style></head><body>\n";

static void put_html(const char *text, FILE *to)
{
	for (; *text; text++) {
		switch (*text) {
		case '&': fputs("&amp;", to); break;
		case '<': fputs("&lt;", to); break;
		case '>': fputs("&gt;", to); break;
		case '"': fputs("&quot;", to); break;
		case '\'': fputs("&#39;", to); break;
		default: fputc((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text, to);
		}
	}
}

static void cell(const char *text, bool number, FILE *to)
{
	fprintf(to, "<td%s>", number ? " class=\"n\"" : "");
	put_html(text, to);
	fputs("</td>", to);
}

static void html_lines(const struct invoice_lines *lines, FILE *to)
{
	char quantity[INVOICE_QUANTITY], rate[INVOICE_RATE], amount[WRITTEN_AMOUNT], count[24];

	for (unsigned i = 0; i < lines->count; i++) {
		const struct invoice_line *line = &lines->line[i];
		const char *one = invoice_rate(line, rate);

		(void)snprintf(count, sizeof(count), "%llu", (unsigned long long)line->receipts);
		fputs("<tr>", to);
		cell(line->service, false, to);
		cell(line->version, false, to);
		cell(invoice_quantity(line->quantity, quantity), true, to);
		cell(line->unit, false, to);
		cell(one ? one : "", true, to);
		cell(count, true, to);
		cell(written_amount(line->amount, amount), true, to);
		fputs("</tr>\n", to);
	}
}

static void html_sum(const char *what, int64_t amount, FILE *to)
{
	char text[WRITTEN_AMOUNT];

	fprintf(to, "<tr class=\"sum\"><td colspan=\"6\">%s</td>", what);
	cell(written_amount(amount, text), true, to);
	fputs("</tr>\n", to);
}

static void html_used(const struct invoice *v, FILE *to)
{
	fputs("<table><thead><tr><th>Service</th><th>Version</th><th class=\"n\">Quantity</th>"
	      "<th>Unit</th><th class=\"n\">Per unit</th><th class=\"n\">Receipts</th>"
	      "<th class=\"n\">Amount</th></tr></thead><tbody>\n",
		to);
	html_lines(&v->charged, to);
	html_sum("Used", v->charged.amount, to);
	if (v->taken_back.count > 0) {
		html_lines(&v->taken_back, to);
		html_sum("Taken back", v->taken_back.amount, to);
	}
	fputs("</tbody></table>\n", to);
}

static void html_rows(const struct invoice *v, FILE *to)
{
	char at[WRITTEN_TIME], amount[WRITTEN_AMOUNT], entry[24];

	if (v->rows == 0)
		return;
	fputs("<table><thead><tr><th>Date</th><th>Entry</th><th>Kind</th><th>Note</th>"
	      "<th class=\"n\">Amount</th></tr></thead><tbody>\n",
		to);
	for (unsigned i = 0; i < v->rows; i++) {
		const struct invoice_row *row = &v->row[i];

		(void)snprintf(entry, sizeof(entry), "%llu", (unsigned long long)row->entry);
		fputs("<tr>", to);
		cell(written_date(row->at, at), false, to);
		cell(entry, false, to);
		cell(row->kind < CHAIN_KINDS ? chain_kind_names[row->kind] : "", false, to);
		cell(row->note, false, to);
		cell(written_amount(row->amount, amount), true, to);
		fputs("</tr>\n", to);
	}
	fputs("</tbody></table>\n", to);
}

static void html_balance(const struct invoice *v, FILE *to)
{
	fputs("<table><tbody>\n", to);
	html_sum("Balance before", v->opening, to);
	html_sum("Used", v->charged.amount, to);
	if (v->taken_back.count > 0)
		html_sum("Taken back", v->taken_back.amount, to);
	html_sum("Paid", v->paid, to);
	if (v->credited != 0)
		html_sum("Credited", v->credited, to);
	html_sum("Balance after", v->closing, to);
	fputs("</tbody></table>\n", to);
}

void invoice_html(const struct invoice *v, FILE *to)
{
	char from[WRITTEN_TIME], until[WRITTEN_TIME];

	fputs(head, to);
	fputs("Invoice ", to);
	put_html(v->account, to);
	fprintf(to, "-%s%s<h1>Invoice ", v->month, style);
	put_html(v->account, to);
	fprintf(to, "-%s</h1>\n<p>Account ", v->month);
	put_html(v->account, to);
	fprintf(to, ", from %s until %s. Amounts are in %s.</p>\n", written_date(v->from, from),
		written_date(v->to, until), v->currency);
	html_balance(v, to);
	html_used(v, to);
	html_rows(v, to);
	fprintf(to, "<p class=\"small\">Sum of %zu receipts with the digest ", v->receipts);
	hex(v->digest, to);
	fprintf(to, "; nothing is rounded. Made from the ledger up to entry %llu with the hash ",
		(unsigned long long)v->entries);
	hex(v->head, to);
	fputs(".</p>\n</body></html>\n", to);
}
