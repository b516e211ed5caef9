//! Targets: where a run happens.
