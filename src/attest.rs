//! in-toto statements in DSSE envelopes: parse, sign, check a signature. Knows no facts.
