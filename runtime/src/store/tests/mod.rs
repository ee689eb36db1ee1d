//! The store on a real directory and on a disk that lies.

mod basics;
mod changes;
mod damage;
mod folding;
pub(crate) mod support;
