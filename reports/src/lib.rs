//! firedrill-reports
