//! What rules find in real archives, and where they are silent.

mod excuses;
mod files;
mod isolation;
mod memory;
mod network;
mod next;
mod persistence;
mod planted;
mod process;
mod quality;
