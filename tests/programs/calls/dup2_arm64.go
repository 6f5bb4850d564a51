package main

// This architecture has dup3 only.
const sysDup2 = 0
