//! Kernels and laziness, over small batches; the dialects' probes run through SQL elsewhere.

mod compare;
mod fixture;
mod lazy;
mod probes;
mod share;
