//! What rules find in real archives, and where they are silent.

mod isolation;
mod memory;
mod network;
mod persistence;
mod process;
mod quality;
