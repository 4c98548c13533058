/* SPDX-License-Identifier: MIT
 *
 * A target of libFuzzer: any bytes, read by one reader of files. LOAD_READER names it. A dict that
 * comes back has values whose elements can be read.
 */
#define TP_NO_SUGAR
#include "tinypytorch.h"

#include <string.h>

#include "base/alloc.h"
#include "io/formats.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    TP_SCOPE();
    void *copy = tp__alloc_aligned(size);
    if (size)
        memcpy(copy, bytes, size);
    tp__blob *blob = tp__blob_wrap(copy, size);
    tp_state_dict *d = tp_state_dict_new();
    if (LOAD_READER("fuzz", "input", blob, d))
        for (int64_t i = 0; i < tp_state_dict_len(d); i++)
            tp_data(tp_state_dict_at(d, i));
    tp_state_dict_free(d);
    tp__blob_drop(blob);
    tp_clear_error();
    return 0;
}
