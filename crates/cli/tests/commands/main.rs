//! The built `ottla` command as others run it: output, exit codes, signals. What it does inside is tested beside the
//! code.

mod bench;
mod broker;
mod command;
mod quickstart;
mod usage;
