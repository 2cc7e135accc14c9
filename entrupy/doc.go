// Package entrupy is a client of the Entrupy partner API v2, the backend side of the authentication of luxury goods, sneakers and apparel:
// an app of the partner captures an item with Entrupy's mobile SDK, and the backend reads what Entrupy says about it.
//
// What is known of the API comes from the beginnings of the vendor's pages, public code that calls it, and the interface of the mobile SDK,
// checked 2026-11; what is assumed is called so in the doc comments and listed in ASSUMPTIONS.md.
package entrupy
