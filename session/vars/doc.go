// Package vars is what makes variables of other variables: nginx's map, geo
// and split_clients.
package vars
