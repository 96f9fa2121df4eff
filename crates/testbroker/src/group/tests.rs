//! Rules of the classic group.
