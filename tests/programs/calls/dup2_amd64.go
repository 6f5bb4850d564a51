package main

// Number of dup2.
const sysDup2 = 33
