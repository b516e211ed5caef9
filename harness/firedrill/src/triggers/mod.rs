//! Triggers: one file per kind of edge in the stack graph.
