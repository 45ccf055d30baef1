#!/usr/bin/env bash
# Published tokenizers of GPT-2, GPT-NeoX, OLMo-2 and SmolLM2, and those in $CARAVAN_SHARED/tokenizers if there are
# any: ids and texts of all strings of the fixtures, chats, and the prompts of the data sets in
# $CARAVAN_SHARED/data, against Hugging Face's. Fetched once, into the cache folder.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/real/common.sh

CARAVAN_TOKENIZERS=$(scripts/fetch-tokenizers.sh)
CARAVAN_SMOLLM2=$(scripts/fetch-smollm2.sh)
export CARAVAN_TOKENIZERS CARAVAN_SMOLLM2 CARAVAN_PYTHON=$python CK_DEFAULT_TIMEOUT=200

check "ids and chats are those of Hugging Face" build/release/tests/test_real_tokenizers

finish
