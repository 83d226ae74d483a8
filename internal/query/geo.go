package query

import "github.com/loam-baas/loam/internal/parse"

// The radius of the earth, which turns distances into radians. The figures are
// parse-server's.
const (
	earthMiles      = 3959
	earthKilometers = 6371
)

// nearSphere decodes {"$nearSphere": point} with the greatest distance that the
// set o gives, in whichever unit.
func nearSphere(o *parse.Object, v parse.Value) (Constraint, error) {
	point, ok := v.(parse.GeoPoint)
	if !ok || !validPoint(point) {
		return nil, parse.NewError(parse.InvalidJSON, "bad $nearSphere value")
	}
	near := &NearSphere{Point: point, MaxDistance: -1}
	for _, m := range o.Members {
		radius := 1.0
		switch m.Key {
		case "$maxDistance", "$maxDistanceInRadians":
		case "$maxDistanceInMiles":
			radius = earthMiles
		case "$maxDistanceInKilometers":
			radius = earthKilometers
		default:
			continue
		}
		distance, ok := m.Value.(parse.Number)
		if !ok || !(distance >= 0) {
			return nil, parse.NewError(parse.InvalidJSON, "bad "+m.Key+" value")
		}
		near.MaxDistance = float64(distance) / radius
	}
	return near, nil
}

// within decodes {"$within": {"$box": [southwest, northeast]}}.
func within(v parse.Value) (Constraint, error) {
	o, _ := v.(*parse.Object)
	b, _ := o.Get("$box")
	box, _ := b.(parse.Array)
	if len(box) == 2 && len(o.Members) == 1 {
		southWest, okSouthWest := box[0].(parse.GeoPoint)
		northEast, okNorthEast := box[1].(parse.GeoPoint)
		if okSouthWest && okNorthEast && validPoint(southWest) && validPoint(northEast) {
			return &WithinBox{SouthWest: southWest, NorthEast: northEast}, nil
		}
	}
	return nil, parse.NewError(parse.InvalidJSON, "malformatted $within arg")
}

// geoWithin decodes {"$geoWithin": {"$polygon": …}} and {"$geoWithin":
// {"$centerSphere": [point, radians]}}.
func geoWithin(v parse.Value) (Constraint, error) {
	o, _ := v.(*parse.Object)
	if o != nil && len(o.Members) == 1 {
		switch m := o.Members[0]; m.Key {
		case "$polygon":
			return withinPolygon(m.Value)
		case "$centerSphere":
			return withinSphere(m.Value)
		}
	}
	return nil, parse.NewError(parse.InvalidJSON, "bad $geoWithin value")
}

func withinPolygon(v parse.Value) (Constraint, error) {
	var corners parse.Array
	switch v := v.(type) {
	case parse.Polygon:
		if len(v) < 3 {
			return nil, parse.NewError(parse.InvalidJSON, "bad $geoWithin value; Polygon.coordinates should contain at least 3 lon/lat pairs")
		}
		// Unlike everywhere else the coordinates of a Polygon are longitude
		// first in this place: parse-server reads them so.
		points := make([]parse.GeoPoint, len(v))
		for i, p := range v {
			points[i] = parse.GeoPoint{Latitude: p.Longitude, Longitude: p.Latitude}
			if !validPoint(points[i]) {
				return nil, parse.NewError(parse.InvalidJSON, "bad $geoWithin value")
			}
		}
		return &WithinPolygon{Points: points}, nil
	case parse.Array:
		if len(v) < 3 {
			return nil, parse.NewError(parse.InvalidJSON, "bad $geoWithin value; $polygon should contain at least 3 GeoPoints")
		}
		corners = v
	default:
		return nil, parse.NewError(parse.InvalidJSON, "bad $geoWithin value; $polygon should be Polygon object or Array of Parse.GeoPoint's")
	}
	points := make([]parse.GeoPoint, len(corners))
	for i, corner := range corners {
		p, ok := pointOf(corner)
		if !ok {
			return nil, parse.NewError(parse.InvalidJSON, "bad $geoWithin value")
		}
		points[i] = p
	}
	return &WithinPolygon{Points: points}, nil
}

func withinSphere(v parse.Value) (Constraint, error) {
	sphere, ok := v.(parse.Array)
	if !ok || len(sphere) < 2 {
		return nil, parse.NewError(parse.InvalidJSON, "bad $geoWithin value; $centerSphere should be an array of Parse.GeoPoint and distance")
	}
	center, ok := pointOf(sphere[0])
	if !ok {
		return nil, parse.NewError(parse.InvalidJSON, "bad $geoWithin value; $centerSphere geo point invalid")
	}
	radius, ok := sphere[1].(parse.Number)
	if !ok || !(radius >= 0) {
		return nil, parse.NewError(parse.InvalidJSON, "bad $geoWithin value; $centerSphere distance invalid")
	}
	return &WithinSphere{Center: center, Radius: float64(radius)}, nil
}

// geoIntersects decodes {"$geoIntersects": {"$point": point}}.
func geoIntersects(v parse.Value) (Constraint, error) {
	o, _ := v.(*parse.Object)
	p, _ := o.Get("$point")
	point, ok := p.(parse.GeoPoint)
	if !ok || !validPoint(point) {
		return nil, parse.NewError(parse.InvalidJSON, "bad $geoIntersect value; $point should be GeoPoint")
	}
	return &IntersectsPoint{Point: point}, nil
}

// pointOf reads a GeoPoint or a pair of longitude and latitude.
func pointOf(v parse.Value) (parse.GeoPoint, bool) {
	switch v := v.(type) {
	case parse.GeoPoint:
		return v, validPoint(v)
	case parse.Array:
		if len(v) != 2 {
			return parse.GeoPoint{}, false
		}
		longitude, okLongitude := v[0].(parse.Number)
		latitude, okLatitude := v[1].(parse.Number)
		p := parse.GeoPoint{Latitude: float64(latitude), Longitude: float64(longitude)}
		return p, okLongitude && okLatitude && validPoint(p)
	}
	return parse.GeoPoint{}, false
}

func validPoint(p parse.GeoPoint) bool {
	return p.Latitude >= -90 && p.Latitude <= 90 && p.Longitude >= -180 && p.Longitude <= 180
}
