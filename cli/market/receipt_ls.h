/* cli/market/receipt_ls.h - `mayfly receipt ls`; argv[0] is "receipt". */
#ifndef CLI_MARKET_RECEIPT_LS_H
#define CLI_MARKET_RECEIPT_LS_H

int receipt_ls_main(int argc, char **argv, const char *help);

#endif
