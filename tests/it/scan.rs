//! Rules on real archives: what they must find, and where they must be silent.

mod files;
