package harness

// Elsewhere are operations of services other than auth that every user may call,
// each of another service: it knows auth's public keys by URL, shares its Redis,
// and asks it with a key of its own for what neither tells.
var Elsewhere = []string{"listResumes", "listSavedJobs"}
