package entrupy

// OperationData is the catalogue as data, for the conformance tests.
var OperationData = catalog
