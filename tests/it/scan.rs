//! What rules find in real archives, and where they are silent.

mod files;
mod process;
