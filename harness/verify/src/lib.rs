//! firedrill-verify
