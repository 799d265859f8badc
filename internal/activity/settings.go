package activity

// Settings say what people are shown of what happened to their account.
type Settings struct {
	// PlaceDatabase is a file in the MaxMind DB format, such as GeoLite2 City or DB-IP City Lite: with it, the activity, the devices, the messages about new devices and the question about a device without a browser name the town, or the country, of an IP address, as long as that is kept. Nothing is asked of the network. A new file put in its place is taken within a minute. Without a file no place is named.
	PlaceDatabase string `yaml:"place_database"`
}

// Preset is the settings of a named deployment.
func Preset(string) Settings { return Settings{} }
